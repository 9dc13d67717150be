// A page with nothing live but times in the visitor's own zone.
import { localTimes } from "./clock.js";

localTimes();
