/* Keys, for who does not use a mouse; ? shows them. */
import { useEffect, useRef } from "preact/hooks";
import { askToPause } from "./actions";
import { choice, go, place, toStudy, toTrial } from "./route";
import { isOperator } from "./session";
import type { StudyView } from "./study";

const HELP: [string, string][] = [
    ["?", "these keys"], ["/", "filter the trials"], ["g s", "studies"], ["g v", "verdict of this study"], ["g t", "its trials"], ["g w", "why"], ["g h", "time"], ["g f", "fleet"],
    ["j k", "next, previous trial (in the list: arrows, Home, End, Page keys)"], ["← →", "walk the points of a chart"], ["Enter", "open the trial that is chosen"], ["w", "to the weights"], ["c", "copy the best configuration"],
    ["p", "pause the study (asks)"], ["Esc", "close, back"],
];

const isTyping = (e: KeyboardEvent): boolean => e.target instanceof HTMLElement && (/^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) || e.target.isContentEditable);

export function Keys({ v }: { v: StudyView | null }) {
    const dialog = useRef<HTMLDialogElement>(null), first = useRef("");
    useEffect(() => {
        const on = (e: KeyboardEvent): void => {
            if (e.ctrlKey || e.metaKey || e.altKey || (isTyping(e) && e.key !== "Escape")) return;
            if (first.current === "g") {
                first.current = "";
                const to = { s: "#/", f: "#/fleet", v: v && toStudy(v.name), t: v && toStudy(v.name, "trials"), a: v && toStudy(v.name, "why"), w: v && toStudy(v.name, "why"), h: v && toStudy(v.name, "time") }[e.key];
                if (to) (e.preventDefault(), go(to));
                return;
            }
            const filter = document.getElementById("filter");
            switch (e.key) {
                case "?": dialog.current!.showModal(); break;
                case "g": first.current = "g"; setTimeout(() => (first.current = ""), 1500); break;
                case "/": if (!filter && v) (go(toStudy(v.name, "trials")), setTimeout(() => document.getElementById("filter")?.focus(), 100)); filter?.focus(); e.preventDefault(); break;
                case "w": document.querySelector<HTMLElement>("[data-part=weights] input")?.focus(); break;
                case "c": document.querySelector<HTMLElement>("[data-copy=args]")?.click(); break;
                case "p": if (v && isOperator.value && v.study.value?.hosted) askToPause(v); break;
                case "j": case "k": if (place.value.screen === "trial" && v) { const n = place.value.trial + (e.key === "j" ? 1 : -1); if (v.trials.value.row.has(n)) go(toTrial(v.name, n)); } break;
                case "Enter": if (v && choice("t") && (e.target === document.body || (e.target as HTMLElement).id === "content")) go(toTrial(v.name, Number(choice("t")))); break;
                case "Escape": if (isTyping(e)) (e.target as HTMLElement).blur(); else if (!document.querySelector("dialog[open]") && place.value.screen === "trial" && v) go(toStudy(v.name)); break;
            }
        };
        addEventListener("keydown", on);
        return () => removeEventListener("keydown", on);
    }, [v]);
    return (
        <dialog ref={dialog} aria-label="Keys"><h2>Keys</h2><dl class="keys">{HELP.map(([k, what]) => <><dt><kbd>{k}</kbd></dt><dd>{what}</dd></>)}</dl><p><button onClick={() => dialog.current!.close()}>Close</button></p></dialog>
    );
}
