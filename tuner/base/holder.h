/* holder: who holds a lease, and speaks for it. Zero: this process, or whoever is at the other end of its pipe. */
#ifndef TUNER_BASE_HOLDER_H
#define TUNER_BASE_HOLDER_H

struct holder {
    const char *agent; /* name; NULL: not an agent */
    const char *token; /* id of the token that it shows; NULL: none */
};

#endif
