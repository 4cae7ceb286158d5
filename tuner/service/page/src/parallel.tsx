import type { StudyView } from "./study"; export function Parallel(_: { v: StudyView }) { return null; }
