// Every page: basket count, the name in the bar, the way to the console, the custom elements.
import "./elements";
import { showCount } from "./basket";

showCount();

const consoleLink = document.querySelector<HTMLAnchorElement>("#console-link");
if (consoleLink) consoleLink.href = `http://localhost:${location.port || "80"}/`;

const firstName = localStorage.getItem("fernwick.first-name");
if (firstName) {
  for (const place of document.querySelectorAll("#whoami, .first-name")) place.textContent = firstName;
}
