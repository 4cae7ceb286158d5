/* A form of the space: try this next. Before it is sent the model says what it expects. */
import { useEffect, useState } from "preact/hooks";
import { act } from "./actions";
import { api, type Parameter, type Params, type Prediction, type Value } from "./api";
import { isOperator } from "./session";
import type { StudyView } from "./study";
import { amount, percent, shown } from "./words";

const WAIT_MS = 250;

function readValue(p: Parameter, text: string): Value | undefined {
    if (text === "") return undefined;
    if (p.type === "bool") return text === "true";
    if (p.values) return p.values.find((x) => JSON.stringify(x) === text);
    const n = Number(text);
    return Number.isFinite(n) ? n : undefined;
}

const wrongOf = (p: Parameter, text: string): string => {
    const n = Number(text);
    if (p.values || p.type === "bool" || text === "") return text === "" && !p.when ? "a value is missing" : "";
    if (!Number.isFinite(n)) return "is no number";
    if (p.type === "int" && !Number.isInteger(n)) return "is no whole number";
    return p.range && (n < p.range[0] || n > p.range[1]) ? `lies from ${amount(p.range[0])} to ${amount(p.range[1])}` : "";
};

export function Enqueue({ v }: { v: StudyView }) {
    const parameters = v.parameters.value, start = v.study.value?.best?.params ?? v.space.value?.baseline ?? {};
    const [texts, setTexts] = useState<Record<string, string>>({}), [expected, setExpected] = useState<Prediction | null>(null);
    const textOf = (p: Parameter): string => texts[p.name] ?? (start[p.name] === undefined ? "" : p.values ? JSON.stringify(start[p.name]) : String(start[p.name]));
    const params: Params = {};
    for (const p of parameters) { const x = readValue(p, textOf(p)); if (x !== undefined) params[p.name] = x; }
    const wrong = parameters.map((p) => wrongOf(p, textOf(p))), text = JSON.stringify(params);
    useEffect(() => {
        if (!isOperator.value || wrong.some(Boolean)) return;
        let late = false;
        const timer = setTimeout(() => api.predict(v.name, params).then((x) => { if (!late) setExpected(x); }).catch(() => setExpected(null)), WAIT_MS);
        return () => { late = true; clearTimeout(timer); };
    }, [text]);
    if (!isOperator.value || !parameters.length) return null;
    return (
        <details class="form" data-part="enqueue">
            <summary>Try a configuration of your own</summary>
            <form onSubmit={(e) => { e.preventDefault(); act(`Have this tried next in ${v.name}? It counts for the budget.`, "Try it", () => api.enqueue(v.name, params), () => { setTexts({}); void v.look(); }); }}>
                <div class="enqueue">{parameters.map((p, i) => (
                    <label key={p.name}><span class="mono">{p.name}{p.when && <span class="quiet"> when {p.when}</span>}</span>
                        {p.values || p.type === "bool" ? <select value={textOf(p)} onChange={(e) => setTexts({ ...texts, [p.name]: e.currentTarget.value })}>{p.when && <option value="">–</option>}{(p.values ?? [false, true]).map((x) => <option key={JSON.stringify(x)} value={JSON.stringify(x)}>{shown(x)}</option>)}</select>
                        : <input inputMode="decimal" value={textOf(p)} aria-invalid={wrong[i] !== ""} onInput={(e) => setTexts({ ...texts, [p.name]: e.currentTarget.value })} />}
                        <span class={wrong[i] ? "wrong" : "quiet"}>{wrong[i] || (p.range ? `${amount(p.range[0])} to ${amount(p.range[1])}${p.scale === "log" ? ", log" : ""}` : "")}</span></label>
                ))}</div>
                <p class="prediction" role="status">{expected ? <>The model expects {Object.entries(expected.metrics).map(([k, g], i) => <>{i > 0 && ", "}{k} <b>{amount(g.mean)}</b> ({amount(g.low)} to {amount(g.high)})</>)}{expected.feasible !== null && expected.feasible !== undefined && <>; {percent(expected.feasible)} chance to satisfy the constraints</>}.</> : ""}</p>
                <p><button class="main" type="submit" data-action="enqueue" disabled={wrong.some(Boolean)}>Try it next</button></p>
            </form>
        </details>
    );
}
