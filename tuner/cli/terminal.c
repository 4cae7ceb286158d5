#include "tuner/cli/terminal.h"

#include "tuner/report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* xterm's control sequences, which all terminals of today have: the alternate screen, no cursor, lines are not wrapped.
 */
static const char enter_text[] = "\033[?1049h\033[?25l\033[?7l\033[2J";
static const char leave_text[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

enum { KEYS_MAX = 256, NAME_ROOM = 256 };

enum terminal_state { TERMINAL_OUTSIDE, TERMINAL_INSIDE };

struct terminal {
    int fd;
    enum terminal_state state;
    struct termios before;
    char **line; /* what is on the screen; NULL: unknown */
    size_t n_lines;
    char *waiting; /* what is still to be sent, from `sent` on */
    size_t n_waiting, sent;
    unsigned char key[KEYS_MAX];
    size_t n_keys, at_key;
};

bool terminal_is_there(void)
{
    const struct screen s = screen_of(stdout);
    return s.moves && isatty(STDIN_FILENO);
}

/* ---- as it was ---- */

static void keep(struct terminal *t, const char *text, size_t n)
{
    t->waiting = must_grow(t->waiting, t->n_waiting + n + 1, 1);
    memcpy(t->waiting + t->n_waiting, text, n);
    t->n_waiting += n;
}

bool terminal_flush(struct terminal *t)
{
    while (t->sent < t->n_waiting) {
        ssize_t n = write(t->fd, t->waiting + t->sent, t->n_waiting - t->sent);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return false;
        if (n < 0) break; /* it is gone, and reading will say so */
        t->sent += (size_t)n;
    }
    t->n_waiting = t->sent = 0;
    return true;
}

void terminal_forget(struct terminal *t)
{
    for (size_t i = 0; i < t->n_lines; i++) free(t->line[i]);
    free(t->line);
    t->line = NULL;
    t->n_lines = 0;
}

void terminal_enter(struct terminal *t)
{
    struct termios raw = t->before;
    if (t->state == TERMINAL_INSIDE) return;
    cfmakeraw(&raw);
    raw.c_lflag |= ISIG; /* Ctrl-C and Ctrl-Z are signals */
    raw.c_oflag |= OPOST;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(t->fd, TCSADRAIN, &raw);
    t->state = TERMINAL_INSIDE;
    terminal_forget(t);
    keep(t, enter_text, sizeof enter_text - 1);
    terminal_flush(t);
}

/* A terminal that takes nothing is not waited for. */
void terminal_leave(struct terminal *t)
{
    if (t->state == TERMINAL_OUTSIDE) return;
    t->n_waiting = t->sent = 0; /* half a line more or less: its screen goes */
    keep(t, leave_text, sizeof leave_text - 1);
    terminal_flush(t);
    t->n_waiting = t->sent = 0;
    tcsetattr(t->fd, TCSANOW, &t->before);
    t->state = TERMINAL_OUTSIDE;
}

static void leave_at_exit(int code, void *data)
{
    (void)code;
    terminal_leave(data);
}

enum status terminal_open(struct terminal **ret, struct error *err)
{
    char name[NAME_ROOM];
    if (!terminal_is_there())
        return error_set(err, STATUS_INVALID, "this is no terminal on which a screen can be drawn");
    struct terminal *t = must_alloc(1, sizeof *t);
    t->fd =
        ttyname_r(STDOUT_FILENO, name, sizeof name) == 0 ? open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (t->fd < 0) t->fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (t->fd < 0 || tcgetattr(t->fd, &t->before)) {
        enum status s = error_set(err, STATUS_IO, "the terminal cannot be opened: %s", strerror(errno));
        if (t->fd >= 0) close(t->fd);
        free(t);
        return s;
    }
    on_exit(leave_at_exit, t); /* so it lives as long as the process */
    terminal_enter(t);
    *ret = t;
    return STATUS_OK;
}

void terminal_close(struct terminal *t)
{
    if (!t) return;
    terminal_leave(t);
    terminal_forget(t);
    free(t->waiting);
    t->waiting = NULL;
}

int terminal_fd(const struct terminal *t)
{
    return t->fd;
}

void terminal_size(const struct terminal *t, size_t *ret_columns, size_t *ret_rows)
{
    struct winsize w = {0};
    bool known = ioctl(t->fd, TIOCGWINSZ, &w) == 0;
    *ret_columns = known && w.ws_col ? w.ws_col : 80;
    *ret_rows = known && w.ws_row ? w.ws_row : 24;
}

/* ---- drawing ---- */

static void put_line(struct terminal *t, size_t at, const char *text)
{
    char place[32];
    keep(t, place, (size_t)snprintf(place, sizeof place, "\033[%zu;1H\033[0m\033[2K", at + 1));
    keep(t, text, strlen(text));
    free(t->line[at]);
    t->line[at] = must_strdup(text);
}

static void begin_anew(struct terminal *t, size_t n)
{
    static const char clear[] = "\033[0m\033[2J";
    terminal_forget(t);
    t->line = must_alloc(n + 1, sizeof *t->line);
    t->n_lines = n;
    keep(t, clear, sizeof clear - 1);
}

bool terminal_draw(struct terminal *t, const char *const *line, size_t n)
{
    if (t->state == TERMINAL_OUTSIDE || !terminal_flush(t)) return false;
    if (!t->line || t->n_lines != n) begin_anew(t, n);
    for (size_t i = 0; i < n; i++)
        if (!t->line[i] || strcmp(t->line[i], line[i]) != 0) put_line(t, i, line[i]);
    terminal_flush(t);
    return true;
}

/* ---- keys ---- */

/* False: the terminal is gone. */
static bool read_keys(struct terminal *t)
{
    ssize_t n = read(t->fd, t->key, sizeof t->key);
    t->at_key = 0;
    t->n_keys = n > 0 ? (size_t)n : 0;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* ESC [ A, ESC O A, and others, which are no key; an ESC alone is Escape. */
static int escape(struct terminal *t)
{
    const unsigned char *k = t->key + t->at_key;
    size_t left = t->n_keys - t->at_key, n = 1;
    if (left < 1 || (k[0] != '[' && k[0] != 'O')) return KEY_ESCAPE;
    while (n < left && (k[n] < '@' || k[n] > '~')) n++;
    if (n == left) return KEY_ESCAPE;
    t->at_key += n + 1;
    return k[n] == 'A' ? KEY_UP : k[n] == 'B' ? KEY_DOWN : 0;
}

int terminal_key(struct terminal *t)
{
    for (;;) {
        if (t->at_key == t->n_keys) {
            if (!read_keys(t)) return -1;
            if (t->n_keys == 0) return 0;
        }
        int key = t->key[t->at_key++];
        if (key == KEY_ESCAPE) key = escape(t);
        if (key == '\n') key = KEY_ENTER;
        if (key > 0 && (key < 0x80 || key >= KEY_UP)) return key;
    }
}
