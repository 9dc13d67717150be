// Fairgate's gate in front of an Express site: the first middleware of the app. Specific to the site: Fairgate's address, the
// room's name, and how many proxies are in front of Node.js (`trust proxy`; 0 for none).
import express from "express";
import { fairgate } from "@fairgate/gate/express";

export const app = express();
app.set("trust proxy", 1);
app.use(fairgate({ url: "https://tickets.example", room: "opening-night" }));
