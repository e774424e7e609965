import { attention } from "./attention/page";
import { effects } from "./effects/page";
import { formation } from "./formation/page";
import { levels } from "./levels/page";
import { maps } from "./maps/page";
import { methods } from "./methods/page";
import { norm } from "./norm/page";
import { norms } from "./norms/page";
import { overview } from "./overview/page";
import type { Page } from "./page";
import { primary } from "./primary/page";
import { text } from "./text/page";

export const kPages: Page[] = [overview, text, attention, maps, norms, levels, formation, norm, primary, effects, methods];
