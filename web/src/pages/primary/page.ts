// Primary: whether it weakens where secondary sinks begin.

import { explained_page } from "../explained";

export const primary = explained_page("primary", "Primary", "Does the primary weaken in the layers in which secondary sinks begin?", ["primary"]);
