// SPDX-License-Identifier: MIT
import { placeOf, saltBytes, unitBytes } from "./place.js";

const check = (fine, why) => {
  if (!fine) throw new TypeError(why);
};
const isObject = (v) => typeof v === "object" && v !== null && !Array.isArray(v);
const isIn = (v, least, most) => typeof v === "number" && v >= least && v <= most;

function part(rules, name) {
  const value = rules[name] ?? null;
  check(value === null || isObject(value), `${name} is no object`);
  return value;
}

function readRanges(ranges, variants) {
  let end = 0;
  check(Array.isArray(ranges), "its ranges are no list");
  for (const r of ranges) {
    const isRange = Array.isArray(r) && r.length === 3 && isIn(r[0], end, 1) && isIn(r[1], r[0], 1) && r[0] < r[1];
    check(isRange, `${JSON.stringify(r)} is no range above ${end}`);
    check(variants.has(r[2]), `a range has the unknown variant ${r[2]}`);
    end = r[1];
  }
  return ranges;
}

/** What is needed to assign units without asking anybody. rules: what the service says, parsed. Throws: it is no ruleset. */
export class Ruleset {
  constructor(rules, rollout = rules?.rollout) {
    check(isObject(rules) && typeof rollout === "string" && rules.rollout === rollout, "it is of another rollout");
    check(isIn(rules.valid_ms, 1, 1e15) && isIn(rules.refresh_ms, 1, 1e15), "valid_ms and refresh_ms are no numbers from 1 on");
    check(isObject(rules.variants) && Object.hasOwn(rules.variants, "champion"), "it has no champion");
    this.validMs = rules.valid_ms;
    this.refreshMs = rules.refresh_ms;
    this.variants = new Map(Object.entries(rules.variants));
    for (const [name, v] of this.variants)
      check(isObject(v) && isObject(v.parameters) && typeof v.hash === "string", `variant ${name} has no hash and parameters`);
    this.experiment = this.period = null;
    if ("experiment" in rules) {
      check(isIn(rules.experiment, 1, 2 ** 53) && isIn(rules.period, 0, 2 ** 53), "experiment and period are no numbers");
      this.experiment = Math.trunc(rules.experiment);
      this.period = Math.trunc(rules.period);
      this.salt = saltBytes(rules.salt);
      this.ranges = readRanges(rules.ranges, this.variants);
    }
    check((rules.killed ?? "") === String(rules.killed ?? ""), "killed is no text");
    this.killed = Boolean(rules.killed); // by an operator of the service
    this.shadow = rules.shadow ?? [];
    check(Array.isArray(this.shadow) && this.shadow.every((name) => this.variants.has(name)), "shadow is no list of variants");
    this.readGroup(part(rules, "group"), part(rules, "holdout"));
    this.overrides = new Map(Object.entries(part(rules, "overrides") ?? {}));
    for (const variant of this.overrides.values()) check(this.variants.has(variant), `an override has the unknown variant ${variant}`);
  }

  readGroup(group, holdout) {
    check(!group || (isIn(group.from, 0, 1) && isIn(group.to, 0, 1)), "the group has no from and to in [0, 1]");
    check(!holdout || isIn(holdout.share, 0, 1), "the holdout has no share in [0, 1]");
    this.group = group && { salt: saltBytes(group.salt), from: group.from, to: group.to };
    this.holdout = holdout && { salt: saltBytes(holdout.salt), share: holdout.share };
  }

  decide(unit, doubt) {
    const bytes = unitBytes(unit), overridden = this.overrides.get(unit);
    if (this.killed || doubt === "DISABLED") return ["champion", "DISABLED"];
    if (overridden !== undefined) return [overridden, "TARGETING_MATCH"];
    if (this.experiment === null) return ["champion", "STATIC"];
    if (doubt) return ["champion", doubt];
    if (this.holdout && placeOf(this.holdout.salt, bytes) < this.holdout.share) return ["champion", "STATIC"];
    if (this.group) {
      const at = placeOf(this.group.salt, bytes);
      if (!(at >= this.group.from && at < this.group.to)) return ["champion", "STATIC"];
    }
    const at = placeOf(this.salt, bytes), range = this.ranges.find(([from, to]) => at >= from && at < to);
    return [range ? range[2] : "champion", "SPLIT"];
  }

  /** doubt: "DISABLED" or "STALE": the experiment must not go on here, and this is why. Throws: no unit. */
  assign(unit, doubt = null) {
    const [variant, reason] = this.decide(unit, doubt), { hash, parameters } = this.variants.get(variant);
    const counted = reason === "SPLIT", shadow = counted && variant === "champion" ? this.shadow : [];
    return {
      unit, variant, reason, counted, hash, parameters, experiment: this.experiment, period: this.period,
      shadow: Object.fromEntries(shadow.map((name) => [name, this.variants.get(name).parameters])),
    };
  }
}

/** What a unit gets by a ruleset as the service says it: variant, parameters, counted, reason, … */
export function assign(rules, unit, doubt = null) {
  return (rules instanceof Ruleset ? rules : new Ruleset(rules)).assign(unit, doubt);
}
