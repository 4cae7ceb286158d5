/* The last lines that a trial printed. */
#include "tuner/report/report.h"

#include "tuner/base/beneath.h"
#include "tuner/base/plain.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINES = 6, BYTES = 16384 };

/* Where the last `most` lines begin; a line that is cut at the front is left out unless it is the only one. */
static const char *begin_of_tail(const char *text, size_t n, bool cut, size_t most)
{
    const char *at = text + n;
    if (at > text && at[-1] == '\n') at--;
    for (size_t lines = 0; at > text && lines < most; at--)
        if (at[-1] == '\n' && ++lines == most) return at;
    const char *whole = cut ? strchr(text, '\n') : NULL;
    return whole && whole[1] ? whole + 1 : text;
}

static void show_tail(FILE *out, int folder, const char *name, size_t lines)
{
    char text[BYTES + 1];
    struct stat st;
    int fd;
    if (beneath_open(folder, name, O_RDONLY, 0, &fd, NULL)) return;
    off_t from = fstat(fd, &st) == 0 && st.st_size > BYTES ? st.st_size - BYTES : 0;
    ssize_t n = pread(fd, text, BYTES, from);
    close(fd);
    if (n <= 0) return;
    for (ssize_t i = 0; i < n; i++)
        if (!text[i]) text[i] = '?';
    text[n] = 0;
    fprintf(out, "  the last lines of its %s:\n", name);
    struct arena a = {0};
    char *line = arena_strdup(&a, begin_of_tail(text, (size_t)n, from > 0, lines)), *rest = line;
    while ((line = strsep(&rest, "\n")))
        if (*line || rest) fprintf(out, "    %s\n", plain_shown(&a, line));
    arena_done(&a);
}

void report_tail(FILE *out, const char *dir, size_t lines)
{
    int folder;
    if (beneath_folder(AT_FDCWD, dir, false, &folder, NULL)) return;
    show_tail(out, folder, "stdout.log", lines);
    show_tail(out, folder, "stderr.log", lines);
    close(folder);
}

void report_last_lines(FILE *out, const char *dir)
{
    report_tail(out, dir, LINES);
}
