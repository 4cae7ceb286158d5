/* yaml_flow: a checked tree as YAML text again, on one line: {a: [1, "no"], b: x}. Read back it is the same tree, but
 * for places, and for values that were left empty, which are ~: what was in quotes is in quotes, what was plain means
 * what it did.
 */
#ifndef TUNER_BASE_YAML_FLOW_H
#define TUNER_BASE_YAML_FLOW_H

#include "tuner/base/yaml.h"

/* In the arena. */
const char *yaml_flow(const struct yaml_node *node, struct arena *arena);

#endif
