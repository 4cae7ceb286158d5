/* words: durations, times of day, near misses: text that people type. */
#ifndef TUNER_BASE_WORDS_H
#define TUNER_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "90s", "10m", "9h", "1h30m", "2d" → milliseconds. False if it is none, is 0, or is over ten years. */
bool words_duration_ms(const char *text, int64_t *ret_ms);

/* "07:00" → minutes after midnight, 0 … 1439. */
bool words_time_of_day(const char *text, int *ret_minutes);

/* The next moment after `now_ms` (wall clock) at which local clocks show `minutes` after midnight. */
int64_t words_next_time_ms(int minutes, int64_t now_ms);

/* A relative path that leads nowhere above where it begins. */
bool words_is_inside(const char *path);

/* Is `word` one of those in "a,b,c"? An empty list, or NULL, lists everything. */
bool words_lists(const char *list, const char *word);

/* Characters of UTF-8 text. */
size_t words_length(const char *text);

/* The order of two texts, whatever the numbers in them; 0: they are the same but for addresses, times, sizes. */
int words_compare(const char *a, const char *b);

/* A finite number and nothing else. */
bool words_number(const char *text, double *ret);

/* The same as people write it: decimal, no 0x10. */
bool words_decimal(const char *text, double *ret);

/* A whole number from `min` (0 or more) to `max` in decimal digits and nothing else. */
bool words_whole(const char *text, long min, long max, long *ret);

/* "64 MiB", "300MB", "1.5 GiB", "1e6": bytes; kB, MB, GB, TB are powers of 1000, KiB and so on of 1024, in letters
 * large or small, and without a unit it is bytes. */
bool words_size(const char *text, double *ret);

/* What a plain scalar of YAML 1.2's core schema is, as far as numbers go: 12, 0o14, 0xc, 1.2e1; .inf and .nan are
 * numbers there as well. *ret: the number, else 0. */
enum words_core { CORE_TEXT, CORE_WHOLE, CORE_OCTAL, CORE_HEX, CORE_REAL };
enum words_core words_core(const char *text, double *ret);

/* The candidate nearest to `word` by edit distance, or NULL if none is near enough to suggest. */
const char *words_nearest(const char *word, const char *const *candidates, size_t n);

/* Is `text` a whole number in digits that `v`, which was read from it, is not: beyond 2^53? */
bool words_is_rounded(const char *text, double v);

/* Milliseconds as "1h 05m", "3m 20s", "4.2s". */
const char *words_show_duration(int64_t ms, char *buf, size_t size);
/* As words_duration_ms reads it, exactly: "9h00m", "1.5s". */
const char *words_give_duration(int64_t ms, char *buf, size_t size);

/* "s", or "" for one: "%zu trial%s". */
const char *words_s(size_t n);

/* Numbers for people: "7.5M", "820k", "61". */
const char *words_show_count(double n, char *buf, size_t size);

#endif
