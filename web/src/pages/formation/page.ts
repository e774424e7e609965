// Formation: which writes make a sink.

import { explained_page } from "../explained";

export const formation = explained_page("formation", "Formation", "Which writes make a sink, and does its attention go with them?", ["formation", "map"]);
