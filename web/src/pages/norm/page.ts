// Norm and score: what the norm of a sink decides.

import { explained_page } from "../explained";

export const norm = explained_page("norm", "Norm and score", "Does the norm of a sink decide how much attention it draws, and for how long?", ["norm"]);
