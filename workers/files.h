/* files: the folder of an attempt, and its logs. */
#ifndef WORKERS_FILES_H
#define WORKERS_FILES_H

#include "tuner/base/error.h"

#include <stddef.h>

/* A log that keeps its last 8 to 16 MB: when full it becomes "NAME.1" and starts anew. It is written through its
 * descriptor: a trial that moves, links or replaces it changes nothing. A disk that refuses writes loses log lines,
 * never the trial. */
struct log_file {
    int fd; /* −1: none, or closed */
    size_t bytes;
    char dir[4096];
    const char *name;
};

/* In the place of whatever is there. `dir`: the folder, `path` its name. */
enum status files_write(int dir, const char *name, const char *text, struct error *err);
void log_open(struct log_file *log, const char *path, int dir, const char *name);
void log_write(struct log_file *log, const char *bytes, size_t n);
void log_close(struct log_file *log);

#endif
