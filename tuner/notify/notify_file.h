/* notify_file: who is told what, when: a person's or a team's own file, not the study's.
 *
 *     channels:
 *       team:  {webhook: https://hooks.example.org/abc, header: {Authorization: Bearer abc}, secret: whsec_…}
 *       phone: {command: [ntfy, publish, mine, "{sentence}"]}
 *       mail:  {sendmail: ada@example.org}
 *     tell: {end: [team, mail], health: [phone], best: [team]}
 *     quiet: {from: "22:00", to: "07:00", but: [end, stalled]}
 *     heartbeat: {url: https://hc.example.org/ping/abc, every: 5m}
 *
 * A kind that `tell` does not name goes to all channels; constraint, failures, stalled and budget go where health goes
 * if that is named and they are not; `best: []` tells nobody. Keys that there are not, and values that cannot be, are
 * errors with file, line, value and what to write. The file names commands, so it must be its reader's own (or root's),
 * and nobody else may be able to write to it. What is secret in it (paths of URLs, headers, secrets) is in no message.
 */
#ifndef TUNER_NOTIFY_NOTIFY_FILE_H
#define TUNER_NOTIFY_NOTIFY_FILE_H

#include "tuner/notify/notice.h"
#include "tuner/notify/quiet.h"

#include "tuner/base/yaml.h"

enum { CHANNELS_MAX = 16, CHANNEL_HEADERS_MAX = 20, CHANNEL_WORDS_MAX = 64, NOTIFY_PATH_MAX = 4096 };

enum channel_kind { CHANNEL_WEBHOOK, CHANNEL_COMMAND, CHANNEL_MAIL };

/* "webhook", "command", "sendmail": the keys of the file. */
const char *channel_kind_name(enum channel_kind kind);

struct web_address {
    const char *host;   /* "https://hooks.example.org:8443": may be shown */
    const char *path;   /* "/abc?key=…": is secret */
    const char *hidden; /* "https://hooks.example.org:8443/…" */
};

struct channel_plan {
    const char *name;
    enum channel_kind kind;
    struct web_address url;
    const char **header;         /* "Name: value", NULL-terminated */
    const unsigned char *secret; /* for signatures; NULL: none */
    size_t n_secret;
    const char *ca;    /* PEM file of certificates to trust; NULL: the system's */
    const char **word; /* of the command, NULL-terminated, with placeholders in them */
    const char **to;   /* mail addresses, NULL-terminated */
    const char *from;  /* NULL: as the mail program has it */
    const char *path;  /* of the mail program */
};

struct heartbeat_plan {
    struct web_address url; /* host NULL: there is none */
    int64_t every_ms;
};

struct notify_file {
    const char *path;
    size_t n;
    struct channel_plan channel[CHANNELS_MAX];
    unsigned tell[NOTICE_KINDS_ALL]; /* by kind: a bit for each channel */
    struct quiet quiet;
    unsigned but; /* kinds that are told in quiet hours: a bit for each */
    struct heartbeat_plan heartbeat;
    struct arena arena; /* all of it */
};

/* The file to be read: `given`, else $NOCTURNE_NOTIFY, else notify.yaml in the configuration folder, if it is there.
 * NULL: none is, or it was said to be "none". In the arena. */
const char *notify_file_find(const char *given, struct arena *a);

enum status notify_file_load(const char *path, struct notify_file **ret, struct error *err);
enum status notify_file_parse(const char *path, const char *text, size_t n, struct notify_file **ret,
                              struct error *err);
void notify_file_free(struct notify_file *f); /* NULL is fine */

/* Its place; −1: there is none of that name. */
int notify_file_channel(const struct notify_file *f, const char *name);

#endif
