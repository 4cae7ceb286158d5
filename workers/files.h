/* files: the folder of an attempt, and its logs. */
#ifndef WORKERS_FILES_H
#define WORKERS_FILES_H

#include "tuner/base/error.h"

#include <stddef.h>

/* A log that keeps its last 8 to 16 MB: when full it becomes "NAME.1" and starts anew. A disk that refuses
 * writes loses log lines, never the trial. */
struct log_file {
    int fd; /* −1: closed */
    size_t bytes;
    char path[4096];
};

enum status files_write(const char *dir, const char *name, const char *text, struct error *err);
/* The file is made when there is something to write. */
void log_init(struct log_file *log, const char *dir, const char *name);
void log_write(struct log_file *log, const char *bytes, size_t n);
void log_close(struct log_file *log);

#endif
