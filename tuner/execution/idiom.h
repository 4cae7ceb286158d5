/* idiom: what a script hands its environment on to, as its text says: modules of Python, commands of a shell.
 *
 * A script is *plain* if everything that could look into the environment for it is in view: it names each variable
 * that it reads, and what it imports or calls is known not to look, or is asked of `need`. When in doubt it is not.
 */
#ifndef TUNER_EXECUTION_IDIOM_H
#define TUNER_EXECUTION_IDIOM_H

#include <stdbool.h>

enum idiom { IDIOM_PYTHON, IDIOM_SHELL, IDIOM_OTHER };

enum idiom_need {
    NEED_MODULE, /* "package.module", "..module": dots in front as Python has them */
    NEED_PART,   /* the same, if there is such a module: it may be a name in one, too */
    NEED_FILE,   /* a script, as the shell's text names it */
};

/* Is it in view? Of NEED_PART the answer is not looked at. */
typedef bool idiom_need_fn(void *data, enum idiom_need what, const char *name);

bool idiom_is_plain(enum idiom idiom, const char *text, idiom_need_fn *need, void *data);

#endif
