/* A note of people, on a study or a trial; it goes into the report. */
import { useEffect, useState } from "preact/hooks";
import { api, Problem } from "./api";
import { isOperator } from "./session";

export function Note({ study, trial, seq }: { study: string; trial?: number; seq: number | undefined }) {
    const [edit, setEdit] = useState<string | null>(null), [trouble, setTrouble] = useState(""), [text, setText] = useState<string | null>(null);
    useEffect(() => setEdit(null), [study, trial]);
    useEffect(() => void api.noteOf(study, trial).then((n) => setText(n ? n.text : null)).catch(() => undefined), [study, trial, seq]);
    if (text === null || (!text && !isOperator.value)) return null;
    const save = async (): Promise<void> => {
        try {
            await api.note(study, edit!, trial);
            setEdit(null);
            setTrouble("");
            setText(edit);
        } catch (e) {
            setTrouble(e instanceof Problem && e.status === 404 ? "this service keeps no notes yet" : e instanceof Problem ? e.message : String(e));
        }
    };
    return (
        <section data-part="note">
            <h2>Note</h2>
            {edit === null ? <><p class="note-text">{text || <span class="quiet">No note yet.</span>}</p>{isOperator.value && <p><button class="plain" data-action="note" onClick={() => setEdit(text)}>{text ? "change" : "write one"}</button></p>}</>
            : <form onSubmit={(e) => { e.preventDefault(); void save(); }}><textarea rows={4} aria-label="Note" value={edit} onInput={(e) => setEdit(e.currentTarget.value)} />{trouble && <p class="wrong" role="alert">{trouble}</p>}<p class="row"><button class="main" type="submit">Save</button><button type="button" onClick={() => setEdit(null)}>Leave it</button></p></form>}
        </section>
    );
}
