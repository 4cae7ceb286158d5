/* api_agents: what the service's life needs of agents. */
#ifndef TUNER_SERVICE_API_AGENTS_H
#define TUNER_SERVICE_API_AGENTS_H

struct service;

void api_agents_open(struct service *s);
void api_agents_tick(struct service *s); /* ends long polls that have waited long enough */

#endif
