/* assignment: which arm a unit gets: a pure function of names, the same in C, Python, JavaScript and SQL, without a
 * server.
 *
 * A unit's place is the first 13 hexadecimal digits of SHA-256 of the bytes "SALT:UNIT" (UTF-8, as they are: nothing is
 * trimmed, folded or normalised), as a whole number, over 2^52: exact in a double everywhere. Ranges of places say who
 * gets which challenger; whoever stands in none gets the champion. A range that grows moves units only from the
 * champion to the challenger (shares.h makes the ranges); the same salt gives the same places when an experiment is
 * begun anew, and places of two salts have nothing to do with each other.
 *
 *     Python      int(hashlib.sha256(f"{salt}:{unit}".encode()).hexdigest()[:13], 16) / 2**52
 *     JavaScript  parseInt(createHash("sha256").update(`${salt}:${unit}`).digest("hex").slice(0, 13), 16) / 2 ** 52
 *     DuckDB      ('0x' || substr(sha256(salt || ':' || unit), 1, 13))::BIGINT / 4503599627370496.0
 *     PostgreSQL  ('x' || lpad(substr(encode(sha256(convert_to(salt || ':' || unit, 'UTF8')), 'hex'), 1, 13), 16,
 *                   '0'))::bit(64)::bigint / 4503599627370496.0
 */
#ifndef TUNER_ROLLOUT_ASSIGNMENT_H
#define TUNER_ROLLOUT_ASSIGNMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ASSIGNMENT_SALT_MAX = 128, ASSIGNMENT_UNIT_MAX = 1024 }; /* bytes */

/* In [0, 1). NaN: the salt or the unit is longer than that, or the salt has a colon (two salts could then be one). */
double assignment_place(const char *salt, const char *unit, size_t unit_bytes);

/* 63 bits of the same digest, to know the unit by where its name is not to be kept; its place is those of the first 52.
 * False: where assignment_place has NaN. */
bool assignment_key(const char *salt, const char *unit, size_t unit_bytes, int64_t *ret);
double assignment_place_of(int64_t key);
/* Uniform in [0, 1), of the key and as good as independent of its place: that of the key's decimal digits under the
 * salt "level". By it what lies between two levels is rounded (tally.h), the same whoever does it. */
double assignment_chance(int64_t key);

struct assignment_range {
    double from, to; /* [from, to) of [0, 1) */
    size_t arm;      /* 1 …: a challenger */
};

/* Of n ranges that do not overlap: the arm of the one that has this place; 0: none has it, it is the champion's. */
size_t assignment_arm(double place, const struct assignment_range *ranges, size_t n);

#endif
