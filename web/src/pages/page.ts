// What a page of the report is. Adding one: its folder, and a line in pages.ts.

import type { DocumentData, Report, Scan, Sequence } from "../data/report";

export interface Context {
  report: Report;
  scan: Scan;
  scan_index: number;
  sequence: Sequence;
  document_index: number;
  chosen: URLSearchParams; // what else the address says
  read_document(): Promise<DocumentData>;
  // The address of a page about the same document, with more that is chosen there.
  link(page: string, chosen?: Record<string, string | number>): string;
}

export interface Page {
  id: string;
  title: string;
  // Whether it is about one document, so that the reader chooses which.
  of_document: boolean;
  render(context: Context, into: HTMLElement): Promise<void> | void;
}
