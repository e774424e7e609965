import { levels } from "./levels/page";
import { maps } from "./maps/page";
import { methods } from "./methods/page";
import { norms } from "./norms/page";
import { overview } from "./overview/page";
import type { Page } from "./page";
import { text } from "./text/page";

export const kPages: Page[] = [overview, text, maps, norms, levels, methods];
