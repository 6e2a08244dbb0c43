import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { I18nProvider } from "react-aria-components";
import { createRoot } from "react-dom/client";
import "./styles/tokens.css";
import "./styles/pieces.css";
import "./styles/base.css";
import "./styles/shell.css";
import { watchPresence } from "./lib/presence";
import { applyTheme, chosenTheme } from "./lib/theme";
import { queryClient } from "./queryClient";
import { router } from "./router";

applyTheme(chosenTheme());
watchPresence();

const root = document.getElementById("root");
if (root === null) throw new Error("The page has no #root element to draw the console in.");
createRoot(root).render(
  <StrictMode>
    <I18nProvider locale="en-US">
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </I18nProvider>
  </StrictMode>,
);
