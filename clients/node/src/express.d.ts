import type { IncomingMessage, ServerResponse } from "node:http";
import type { Options } from "./gate.js";

export declare function fairgate(
  options: Options,
): (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => Promise<void>;
