// Builds the page: src/ to dist/report.js and dist/report.css. Equal sources give equal bytes.
//
//   node build.mjs [FOLDER]    FOLDER stands for dist
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

await build({
  entryPoints: { report: here("src/main.ts") },
  bundle: true,
  minify: true,
  charset: "ascii",
  legalComments: "none",
  format: "iife",
  target: ["chrome100", "firefox113", "safari16.4"],
  outdir: process.argv[2] ?? here("dist"),
  logLevel: "warning",
});
