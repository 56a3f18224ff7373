/* Reading and writing whole files; see files.h. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "files.h"

#include "../base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SHOWN = 100, PATH_LEAST = 40, PIPE_BLOCK = 1 << 16, PIPE_CAP = 1 << 28 };

const char *short_path(const char *path)
{
    size_t length = strlen(path);
    return length > PATH_SHOWN ? path + length - PATH_SHOWN : path;
}

pmoe_status fail_at(pmoe_error *error, const char *path, pmoe_error why)
{
    size_t sentence = strlen(why.text), room = sizeof why.text - PATH_LEAST - 3;
    size_t shown = sentence < room ? sizeof why.text - 3 - sentence : PATH_LEAST;
    size_t length = strlen(path);
    return fail(error, why.status, "%s: %s", length > shown ? path + length - shown : path, why.text);
}

static pmoe_status fail_errno(pmoe_error *error, const char *path, const char *what)
{
    int number = errno;
    return fail(error, number == ENOMEM ? PMOE_E_MEMORY : PMOE_E_IO, "%s: %s: %s", short_path(path), what,
                strerror(number));
}

/* ---- Reading ---- */

/* Up to `room` bytes; *got says how many there were before the end. */
static pmoe_status read_fully(int descriptor, const char *path, unsigned char *to, size_t room, size_t *got,
                              pmoe_error *error)
{
    for (*got = 0; *got < room;) {
        ssize_t count = read(descriptor, to + *got, room - *got);
        if (count == 0)
            return PMOE_OK;
        if (count > 0)
            *got += (size_t)count;
        else if (errno != EINTR)
            return fail_errno(error, path, "cannot be read");
    }
    return PMOE_OK;
}

static pmoe_status read_regular(int descriptor, const char *path, size_t bytes, struct file *file, pmoe_error *error)
{
    file->bytes = malloc(bytes ? bytes : 1);
    if (!file->bytes)
        return fail(error, PMOE_E_MEMORY, "%s: no memory for its %zu bytes", short_path(path), bytes);
    return read_fully(descriptor, path, file->bytes, bytes, &file->count, error);
}

/* Of unknown length: blocks that double. */
static pmoe_status read_pipe(int descriptor, const char *path, size_t cap, struct file *file, pmoe_error *error)
{
    for (size_t capacity = PIPE_BLOCK;; capacity *= 2) {
        unsigned char *grown = realloc(file->bytes, capacity);
        if (!grown)
            return fail(error, PMOE_E_MEMORY, "%s: no memory for %zu bytes", short_path(path), capacity);
        file->bytes = grown;
        size_t got;
        TRY(read_fully(descriptor, path, file->bytes + file->count, capacity - file->count, &got, error));
        file->count += got;
        if (file->count > cap)
            return fail(error, PMOE_E_LIMIT, "%s: expected at most %zu bytes, found more", short_path(path), cap);
        if (file->count < capacity)
            return PMOE_OK;
    }
}

static pmoe_status read_open_file(int descriptor, const char *path, size_t cap, struct file *file, pmoe_error *error)
{
    struct stat about;
    if (fstat(descriptor, &about))
        return fail_errno(error, path, "cannot be read");
    if (S_ISDIR(about.st_mode))
        return fail(error, PMOE_E_IO, "%s: expected a file, found a folder", short_path(path));
    if (!S_ISREG(about.st_mode) || about.st_size == 0) /* those of /proc claim 0 bytes */
        return read_pipe(descriptor, path, cap < PIPE_CAP ? cap : PIPE_CAP, file, error);
    if ((uint64_t)about.st_size > cap)
        return fail(error, PMOE_E_LIMIT, "%s: expected at most %zu bytes, found %lld", short_path(path), cap,
                    (long long)about.st_size);
    return read_regular(descriptor, path, (size_t)about.st_size, file, error);
}

pmoe_status file_read(const char *path, size_t cap, struct file *file, pmoe_error *error)
{
    *file = (struct file){NULL, 0};
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return fail_errno(error, path, "cannot be opened");
    pmoe_status status = read_open_file(descriptor, path, cap, file, error);
    close(descriptor);
    if (status != PMOE_OK)
        file_close(file);
    return status;
}

void file_close(struct file *file)
{
    free(file->bytes);
    *file = (struct file){NULL, 0};
}

int file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* ---- Writing ---- */

static pmoe_status write_fully(int descriptor, const char *path, const unsigned char *bytes, size_t count,
                               pmoe_error *error)
{
    while (count) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail_errno(error, path, "cannot be written");
        bytes += written;
        count -= (size_t)written;
    }
    return PMOE_OK;
}

/* Written, on the disk and closed, or an error. */
static pmoe_status write_and_close(int descriptor, const char *path, const void *bytes, size_t count, int sync,
                                   pmoe_error *error)
{
    pmoe_status status = write_fully(descriptor, path, bytes, count, error);
    if (status == PMOE_OK && sync && fsync(descriptor))
        status = fail_errno(error, path, "cannot be written");
    if (close(descriptor) && status == PMOE_OK)
        status = fail_errno(error, path, "cannot be written");
    return status;
}

static pmoe_status write_device(const char *path, const void *bytes, size_t count, pmoe_error *error)
{
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    return descriptor < 0 ? fail_errno(error, path, "cannot be opened for writing")
                          : write_and_close(descriptor, path, bytes, count, 0, error);
}

static pmoe_status write_and_rename(const char *path, const void *bytes, size_t count, pmoe_error *error)
{
    size_t length = strlen(path) + 32;
    char *beside = malloc(length);
    if (!beside)
        return fail(error, PMOE_E_MEMORY, "%s: no memory for a name", short_path(path));
    snprintf(beside, length, "%s.%ld.tmp", path, (long)getpid());
    int descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    pmoe_status status = descriptor < 0 ? fail_errno(error, path, "cannot be written")
                                        : write_and_close(descriptor, path, bytes, count, 1, error);
    if (status == PMOE_OK && rename(beside, path))
        status = fail_errno(error, path, "cannot be replaced");
    if (status != PMOE_OK && descriptor >= 0)
        unlink(beside);
    free(beside);
    return status;
}

pmoe_status file_write(const char *path, const void *bytes, size_t count, pmoe_error *error)
{
    struct stat about;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
        return fail(error, PMOE_E_IO, "%s: expected a file to write, found a folder", short_path(path));
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
        return write_device(path, bytes, count, error);
    char *target = realpath(path, NULL); /* what a link points to is replaced, not the link; NULL: a new file */
    pmoe_status status = write_and_rename(target ? target : path, bytes, count, error);
    free(target);
    return status;
}
