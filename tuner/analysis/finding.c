#include "tuner/analysis/finding.h"

#include <stddef.h>
#include <string.h>

static const char *const checks[] = {
#define HEALTH_CHECK(NAME, name) [HEALTH_##NAME] = (name),
    HEALTH_CHECKS(HEALTH_CHECK)
#undef HEALTH_CHECK
};

static const char *const levels[] = {
    [HEALTH_LATER] = "later", [HEALTH_FINE] = "fine", [HEALTH_LOOK] = "look", [HEALTH_WRONG] = "wrong"};

const char *health_check_name(enum health_check check)
{
    return checks[check];
}

const char *health_level_name(enum health_level level)
{
    return levels[level];
}

bool health_check_is_early(enum health_check check)
{
    switch (check) {
    case HEALTH_WORK:
    case HEALTH_FAILURES:
    case HEALTH_REPORTS:
    case HEALTH_DEADLINE:
    case HEALTH_BASELINE:
    case HEALTH_METRICS:
    case HEALTH_PARAMETERS: return true;
    case HEALTH_SERVICE:
    case HEALTH_FLEET:
    case HEALTH_BUDGET:
    case HEALTH_DISK:
    case HEALTH_EFFECT:
    case HEALTH_BOUNDS:
    case HEALTH_MODEL:
    case HEALTH_CONSTRAINTS:
    case HEALTH_BEST:
    case HEALTH_STOPS:
    case HEALTH_GAIN:
    case HEALTH_NUMERICS: return false;
    }
    return false;
}

struct finding finding_none(enum health_check check)
{
    return (struct finding){check, HEALTH_LATER, NULL, NULL};
}

struct finding finding_later(enum health_check check, const char *sentence)
{
    return (struct finding){check, HEALTH_LATER, sentence, NULL};
}

struct finding finding_fine(enum health_check check, const char *sentence)
{
    return (struct finding){check, HEALTH_FINE, sentence, NULL};
}

struct finding finding_look(enum health_check check, const char *sentence, const char *action)
{
    return (struct finding){check, HEALTH_LOOK, sentence, action};
}

struct finding finding_wrong(enum health_check check, const char *sentence, const char *action)
{
    return (struct finding){check, HEALTH_WRONG, sentence, action};
}
