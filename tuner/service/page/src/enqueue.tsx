import type { StudyView } from "./study"; export function Enqueue(_: { v: StudyView }) { return null; }
