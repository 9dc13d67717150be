// Fairgate's gate in front of a Next.js site: middleware.js beside `app` or `pages` (proxy.js from Next.js 16 on).
// Specific to the site: Fairgate's address and the room's name.
import { fairgate } from "@fairgate/gate/next";

export const middleware = fairgate({ url: "https://tickets.example", room: "opening-night" });
export const config = { matcher: "/((?!_next/).*)" };
