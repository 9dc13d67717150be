/** `url`: where Fairgate is, from here; `room`: which room stands before the site. */
export interface Options {
  url: string;
  room: string;
  /** With Fairgate away newcomers pass; else they are asked to wait. */
  failOpen?: boolean;
  /** So long a pass is believed by its signature before the gate is asked again. */
  recheckMs?: number;
  timeoutMs?: number;
  /** Of the role operator: then a page's `X-Fairgate-End: 1` ends the session. */
  apiKey?: string;
}
export interface Visit {
  method: string;
  url: string;
  client: string;
  headers: [string, string][];
}
export type Verdict =
  | { passes: true; cookies: string[]; shown: unknown }
  | { passes: false; status: number; headers: [string, string][]; cookies: string[]; body: string };
export declare class Gate {
  constructor(options: Options);
  judge(visit: Visit): Promise<Verdict>;
  end(verdict: { shown: unknown; cookies: string[] }): Promise<string>;
}
export declare function visitOf(request: Request, client: string): Visit;
export declare function answerOf(verdict: Extract<Verdict, { passes: false }>): Response;
