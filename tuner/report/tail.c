/* The last lines that a trial printed. */
#include "tuner/report/report.h"

#include "tuner/base/beneath.h"
#include "tuner/base/plain.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

void report_tail(FILE *out, const char *name, const struct report_text *text, size_t lines)
{
    char *bytes = text->bytes;
    for (size_t i = 0; i < text->n; i++)
        if (!bytes[i]) bytes[i] = '?';
    fprintf(out, "  the last lines of its %s:\n", name);
    struct arena a = {0};
    char *line = arena_strdup(&a, begin_of_tail(bytes, text->n, text->cut, lines)), *rest = line;
    while ((line = strsep(&rest, "\n")))
        if (*line || rest) fprintf(out, "    %s\n", plain_shown(&a, line));
    arena_done(&a);
}

static void show_tail(FILE *out, int folder, const char *name, size_t lines)
{
    char text[REPORT_TAIL_BYTES + 1];
    struct stat st;
    int fd;
    if (beneath_open(folder, name, O_RDONLY, 0, &fd, NULL)) return;
    off_t from = fstat(fd, &st) == 0 && st.st_size > REPORT_TAIL_BYTES ? st.st_size - REPORT_TAIL_BYTES : 0;
    ssize_t n = pread(fd, text, REPORT_TAIL_BYTES, from);
    close(fd);
    if (n <= 0) return;
    text[n] = 0;
    report_tail(out, name, &(struct report_text){text, (size_t)n, from > 0}, lines);
}

void report_logs(FILE *out, const char *dir, size_t lines)
{
    int folder;
    if (beneath_folder(AT_FDCWD, dir, false, &folder, NULL)) return;
    show_tail(out, folder, "stdout.log", lines);
    show_tail(out, folder, "stderr.log", lines);
    close(folder);
}

void report_last_lines(FILE *out, const char *dir)
{
    report_logs(out, dir, REPORT_TAIL_LINES);
}
