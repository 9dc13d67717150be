import type { Options } from "./gate.js";

export declare function fairgate(
  options: Options & { client?: (request: Request) => string },
): (request: Request) => Promise<Response>;
