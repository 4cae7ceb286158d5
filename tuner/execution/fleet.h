/* fleet: agents on other machines, and their seats.
 *
 * A seat is room for one attempt at an agent. Coordinators are members: they take seats and send mail to them; agents
 * fetch their mail with long polls, and what they say comes back to the member. The service carries both; there is no
 * HTTP here. One thread.
 *
 *     EXPECTED ──registers──▶ KNOWN ──silent for too long, or leaves──▶ gone: its seats are lost
 *        │ the log of a study says that it holds a lease; not heard of since this process began
 *        └──silent──▶ gone
 *
 * Mail is numbered and kept until the agent says that it has it, so that a lost answer loses nothing.
 */
#ifndef TUNER_EXECUTION_FLEET_H
#define TUNER_EXECUTION_FLEET_H

#include "tuner/base/holder.h"

#include "tuner/base/clock.h"
#include "tuner/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fleet;
struct agent;
struct tenant;
struct seat;

enum { AGENT_NAME_MAX = 64, AGENT_SLOTS_MAX = 1024 };

/* `silence_ms`: an agent that is not heard of for so long has lost its leases. */
struct fleet *fleet_create(const struct clock *clock, int64_t silence_ms);
void fleet_free(struct fleet *f); /* after all members have left */

/* ---- coordinators ---- */

enum seat_loss {
    SEAT_DROPPED, /* the agent is there, or has left, and does not have it */
    SEAT_SILENT,  /* the agent was not heard of for too long */
    SEAT_CRASHED, /* the agent's machine went down */
};

struct tenant_hooks {
    /* What an agent says of a lease; false: that lease is over, and the agent should end what it runs for it. */
    bool (*hear)(void *data, const struct holder *from, const json_t *message);
    /* The seat of `owner` is no more, and freed after the call. */
    void (*lost)(void *data, void *owner, enum seat_loss loss, const char *why);
    void *data;
};

struct tenant *fleet_join(struct fleet *f, const char *study, const struct tenant_hooks *hooks);
/* Its seats are given up without a word. */
void fleet_leave(struct tenant *m);

/* Could the member have a seat now? Fair: a study that has less than its share goes first. */
bool fleet_has_room(struct tenant *m);
struct seat *fleet_take(struct tenant *m, void *owner); /* NULL: no room */
/* The seat that a lease of the log was given to, in an earlier process. */
struct seat *fleet_expect(struct tenant *m, const struct holder *holder, int64_t lease, void *owner);

struct holder seat_holder(const struct seat *s); /* as long as the seat */
/* The agent is to run this lease; takes the reference. */
void seat_assign(struct seat *s, int64_t lease, json_t *assignment);
/* {"stop": …, "now"?: true}, {"set": …}, {"policy": …} for what runs there; takes the reference. */
void seat_send(struct seat *s, json_t *order);
bool seat_is_silent(const struct seat *s); /* for longer than an agent's heartbeat */
void seat_leave(struct seat *s);

/* ---- agents ---- */

/* 1 to AGENT_NAME_MAX letters, digits, '.', '_' and '-' */
bool agent_is_name(const char *text);

struct agent_card {
    const char *name;
    const char *instance; /* the same for the same working folder; two agents cannot share a name */
    const char *host, *boot, *version;
    const char *token; /* id of the token that it shows */
    const char *scope; /* the studies that its token is for, "a,b"; "": all */
    const char *study; /* the only one that it works for; NULL: all */
    const char *job;   /* by which it was started (provision.h); NULL: none */
    size_t slots, gpus;
    size_t others_max; /* agents that may be there with the same token; 0: any number */
};

/* {"study", "lease"} of those in `held` that are over go into `gone`; seats that are not in `held` are lost.
 * STATUS_CONFLICT: another agent has this name, or one with another token. STATUS_EXHAUSTED: the token has
 * `others_max` others. */
enum status fleet_register(struct fleet *f, const struct agent_card *card, const json_t *held, json_t *gone,
                           struct agent **ret, struct error *err);
struct agent *fleet_agent(struct fleet *f, const char *name); /* NULL: not registered */
const char *agent_name(const struct agent *a);
/* Is it this agent's ticket, another one after each registration, shown with the token that it registered with? */
bool agent_is_shown(const struct agent *a, const char *ticket, const char *token);
const char *agent_ticket(const struct agent *a);
/* It leaves by itself. */
void fleet_dismiss(struct fleet *f, struct agent *a);

/* The agent has all mail up to number `got` and waits for more until it is woken; it takes trials up to `capacity`,
 * those that it has included. */
void agent_waits(struct agent *a, int64_t got, size_t capacity);
void agent_waits_no_more(struct agent *a);
/* Called when there is mail for an agent that waits, or its wait is to end. */
void fleet_on_mail(struct fleet *f, void (*wake)(void *data, struct agent *a), void *data);
json_t *agent_mail(const struct agent *a); /* [{"n": 1, …}, …]: a new reference; NULL: none */
/* Hands on messages in order; {"study", "lease"} of leases that are over go into `gone`. */
void agent_says(struct fleet *f, struct agent *a, const json_t *messages, json_t *gone);

/* `product`: where jobs are, for people. Silent agents whose job is gone, `misses` times in a row, are gone, too. */
void fleet_check_jobs(struct fleet *f, const char *product, bool (*is_lost)(void *data, const char *job), void *data,
                      int misses);
/* Once a second or so. */
void fleet_tick(struct fleet *f);

json_t *fleet_json(const struct fleet *f); /* all agents, for people */
json_t *agent_json(const struct fleet *f, const struct agent *a);
/* Who is there for a study. Texts are the fleet's, for now; NULL where the count is 0. */
struct muster {
    size_t agents, silent, other; /* silent: for longer than an agent's heartbeat; other: of another version */
    const char *silent_name, *other_name, *other_version;
};
struct muster fleet_muster(const struct fleet *f, const char *study, const char *version);
size_t fleet_seats(const struct fleet *f, size_t *ret_busy);

/* {"study", "lease"} */
json_t *fleet_lease_name(const char *study, int64_t lease);

#endif
