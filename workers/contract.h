/* contract: one line from a trial, understood or refused. */
#ifndef WORKERS_CONTRACT_H
#define WORKERS_CONTRACT_H

#include "tuner/base/error.h"

#include <jansson.h>
#include <stddef.h>

enum { CONTRACT_LINE_MAX = 1 << 16 };

enum message_kind {
    MESSAGE_REPORT,
    MESSAGE_RESULT,
    MESSAGE_INFEASIBLE,
    MESSAGE_CHECKPOINT,
    MESSAGE_POLICY,
    MESSAGE_ARTEFACT,
    MESSAGE_ITEM,
    MESSAGE_LOG
};

struct message {
    enum message_kind kind;
    long step;       /* report, checkpoint */
    json_t *metrics; /* report, result, item: {"name": number}, all finite; policy: what it says; the receiver's */
    char text[1024]; /* infeasible: why; checkpoint, artefact: the path; item: its id */
};

/* A message in what a program prints: "nocturne: {…}", also behind a progress bar's carriage return, the prefix of a
 * logger, a byte order mark or blanks, and between ANSI sequences. Calls `message` with each JSON text of the line. A
 * line that begins with the word but holds no object is one, too: a mistake to be told. `line` is changed. */
void contract_find(char *line, size_t len, void (*message)(void *data, const char *json, size_t len), void *data);

/* A line without ANSI sequences, a byte order mark, and control characters but for tabs: shorter, in place. *line moves
 * behind the mark. */
size_t contract_clean(char **line, size_t len);

enum status contract_parse(const char *line, size_t len, struct message *ret, struct error *err);

#endif
