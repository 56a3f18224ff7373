/* How far a long command is, on stderr: a bar on a terminal, redrawn ten times a second, else a line a minute. */
#ifndef PMOE_CLI_PROGRESS_H
#define PMOE_CLI_PROGRESS_H

#include <stdint.h>

struct progress {
    int32_t terminal; /* stderr is one, and the bar is not closed */
    double started_ns, drawn_ns;
    double started_share; /* of the first call: what a resumed run did not do now */
};

struct progress progress_open(void);

/* share 0 to 1 of the whole; text says what is going on.  The time left is guessed from the pace so far. */
void progress_show(struct progress *progress, double share, const char *text);
void progress_close(struct progress *progress); /* clears the line */

#endif
