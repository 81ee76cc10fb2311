import { h, render } from "preact";
import { App } from "./app.ts";
import { loadSession } from "./state/session.ts";

render(h(App, {}), document.getElementById("app")!);
void loadSession();
