// SPDX-License-Identifier: MIT
export { place } from "./place.js";
export { assign, Ruleset } from "./ruleset.js";
export { Memory } from "./outbox.js";
export { Rollout } from "./rollout.js";
