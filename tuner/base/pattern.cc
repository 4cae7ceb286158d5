/* The only C++ here: a thin coat around RE2. Exceptions are off: no memory ends the process, as everywhere. */
extern "C" {
#include "tuner/base/pattern.h"
}

#include <re2/re2.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>

/* A program larger than this is refused, and what a search remembers beside it is thrown away and found again. */
static const int64_t MEMORY_MAX = 2 << 20;

struct pattern {
    RE2 re;
    int value, step; /* groups; 0: there is none */
    pattern(const char *text, const RE2::Options &options) : re(text, options), value(0), step(0)
    {
    }
};

static RE2::Options options()
{
    RE2::Options o;
    o.set_log_errors(false);
    o.set_max_mem(MEMORY_MAX);
    return o;
}

/* RE2's reason, and the part of the pattern that it is about. */
static enum status blame(const RE2 &re, struct error *err)
{
    const std::string &part = re.error_arg();
    if (re.error_code() == RE2::ErrorPatternTooLarge)
        return error_set(err, STATUS_INVALID, "the pattern is too large: it repeats too much");
    if (part.compare(0, 2, "(?") == 0 && part.size() >= 3 && strchr("=!<", part[2]))
        return error_set(err, STATUS_INVALID,
                         "the pattern has '%.40s': look-around does not exist here, and a named group is (?P<name>…)",
                         part.c_str());
    return error_set(err, STATUS_INVALID, "the pattern is not a regular expression: %.200s", re.error().c_str());
}

static enum status find_named(struct pattern *p, struct error *err)
{
    for (const auto &group : p->re.NamedCapturingGroups()) {
        if (group.first == "value")
            p->value = group.second;
        else if (group.first == "step")
            p->step = group.second;
        else
            return error_set(err, STATUS_INVALID, "the pattern names a group '%.60s'; its groups are value and step",
                             group.first.c_str());
    }
    if (p->step && !p->value)
        return error_set(err, STATUS_INVALID,
                         "the pattern has a group for the step and none for the number, (?P<value>…)");
    return STATUS_OK;
}

static enum status find_groups(struct pattern *p, struct error *err)
{
    int groups = p->re.NumberOfCapturingGroups();
    if (groups == 0)
        return error_set(err, STATUS_INVALID,
                         "the pattern has no group: put parentheses around the number, as in 'accuracy: ([0-9.]+)'");
    enum status s = find_named(p, err);
    if (s) return s;
    if (!p->value && groups == 1) p->value = 1;
    if (groups == (p->value != 0) + (p->step != 0)) return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "the pattern has %d groups: only the number is in parentheses, and the step where both are named, "
                     "(?P<step>…) and (?P<value>…); others are written (?:…)",
                     groups);
}

extern "C" enum status pattern_compile(const char *text, struct pattern **ret, struct error *err)
{
    if (!*text) return error_set(err, STATUS_INVALID, "the pattern is empty");
    if (strlen(text) > PATTERN_LENGTH_MAX)
        return error_set(err, STATUS_INVALID, "the pattern is over %d bytes long", PATTERN_LENGTH_MAX);
    struct pattern *p = new pattern(text, options());
    enum status s = p->re.ok() ? find_groups(p, err) : blame(p->re, err);
    if (s)
        delete p;
    else
        *ret = p;
    return s;
}

extern "C" void pattern_free(struct pattern *p)
{
    delete p;
}

extern "C" bool pattern_has_step(const struct pattern *p)
{
    return p->step != 0;
}

static struct span span_of(const re2::StringPiece &part)
{
    return {part.data(), part.size()};
}

/* Where to look for the next match: never at the same place again, never amid a character. */
static size_t behind(const char *line, size_t n, const re2::StringPiece &match)
{
    size_t at = (size_t)(match.data() - line) + match.size();
    if (!match.empty()) return at;
    do at++;
    while (at < n && ((unsigned char)line[at] & 0xc0) == 0x80);
    return at;
}

/* Each search may look at all that is left of the line: together they look at WORK_MAX bytes, or at some lines' worth.
 */
static size_t matches_max(size_t n)
{
    static const size_t WORK_MAX = 16 << 20, FEW = 16;
    return std::min<size_t>(PATTERN_MATCHES_MAX, std::max<size_t>(FEW, WORK_MAX / (n + 1)));
}

extern "C" bool pattern_find(const struct pattern *p, const char *line, size_t n, struct pattern_match *ret)
{
    const re2::StringPiece text(line, n);
    re2::StringPiece group[3];
    bool found = false;
    size_t at = 0, max = matches_max(n);
    *ret = {{nullptr, 0}, {nullptr, 0}};
    for (size_t i = 0; i < max && at <= n; i++) {
        if (!p->re.Match(text, at, n, RE2::UNANCHORED, group, 1 + p->re.NumberOfCapturingGroups())) break;
        at = behind(line, n, group[0]);
        if (group[p->value].empty()) {
            if (!found) ret->value = {group[0].data(), 0};
            continue;
        }
        ret->value = span_of(group[p->value]);
        ret->step = p->step ? span_of(group[p->step]) : span{nullptr, 0};
        found = true;
    }
    return found;
}
