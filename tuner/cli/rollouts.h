/* rollouts: those of a database, or of a service, by the same calls. JSON that comes back is the caller's.
 *
 *     struct rollouts r;
 *     if (rollouts_open(&common, &r, &err)) …
 *     rollouts_status(&r, "g2p", 0, &status, &err);
 *     rollouts_close(&r);
 */
#ifndef TUNER_CLI_ROLLOUTS_H
#define TUNER_CLI_ROLLOUTS_H

#include "tuner/cli/cli.h"

#include "tuner/live/live.h"

struct rollouts {
    struct store *store;      /* NULL: a service's */
    struct cli_remote remote; /* whose caller is NULL: a database's */
    bool borrowed;            /* both are somebody else's */
};

enum status rollouts_open(const struct cli_common *c, struct rollouts *ret, struct error *err);
/* Those beside a study that is open, for as long as it is. */
struct rollouts rollouts_beside(struct store *store, struct caller *caller);
void rollouts_close(struct rollouts *r);

/* Of a database the switch beside it (kill_file.h) has its say, too, in "killed".
 *
 * STATUS_NOT_FOUND: there is none of this name; the error suggests what was meant. `number`: of an experiment; 0: the
 * last. */
enum status rollouts_status(const struct rollouts *r, const char *name, long number, json_t **ret, struct error *err);
/* How its differences went; NULL where there is no experiment. */
enum status rollouts_course(const struct rollouts *r, const char *name, long number, json_t **ret, struct error *err);
/* Adds to each of a list the "course" of its last experiment. */
enum status rollouts_courses(const struct rollouts *r, json_t *list, struct error *err);
/* A list: all of them, or of one study. */
enum status rollouts_all(const struct rollouts *r, const char *study, json_t **ret, struct error *err);
enum status rollouts_events(const struct rollouts *r, const char *name, int64_t from, long limit, json_t **ret,
                            struct error *err);
enum status rollouts_ruleset(const struct rollouts *r, const char *name, json_t **ret, struct error *err);

enum status rollouts_order(const struct rollouts *r, const char *name, const struct live_order *order,
                           struct error *err);
/* {"outcomes": […]}; *ret: {"taken", …}. */
enum status rollouts_take(const struct rollouts *r, const char *name, const json_t *body, json_t **ret,
                          struct error *err);

#endif
