#include "progress.h"

#include "result.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR = 24 };
static const double REDRAWN_NS = 1e8, LOGGED_NS = 6e10;

struct progress progress_open(void)
{
    return (struct progress){.terminal = isatty(STDERR_FILENO), .started_share = -1};
}

void progress_show(struct progress *progress, double share, const char *text)
{
    double now = native_clock_ns();
    if (progress->started_share < 0) {
        progress->started_share = share;
        progress->started_ns = now;
        progress->drawn_ns = progress->terminal ? 0 : now;
    }
    if (now - progress->drawn_ns < (progress->terminal ? REDRAWN_NS : LOGGED_NS))
        return;
    progress->drawn_ns = now;
    double done = share - progress->started_share, left = 0;
    if (done > 0)
        left = (now - progress->started_ns) * 1e-9 * (1 - share) / done;
    int minutes = (int)left / 60, seconds = (int)left % 60;
    if (!progress->terminal) {
        fprintf(stderr, "%3.0f%%  %s, %d:%02d left\n", 100 * share, text, minutes, seconds);
        return;
    }
    char bar[BAR + 1];
    for (int i = 0; i < BAR; i++)
        bar[i] = i < (int)(share * BAR) ? '#' : '.';
    bar[BAR] = 0;
    fprintf(stderr, "\r\033[K%s %3.0f%%  %s, %d:%02d left", bar, 100 * share, text, minutes, seconds);
    fflush(stderr);
}

void progress_close(struct progress *progress)
{
    if (progress->terminal)
        fprintf(stderr, "\r\033[K");
    progress->terminal = 0;
}
