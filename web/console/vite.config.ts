import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The API the development server talks to: the mock by default, a real server by CLERESTORY_API. */
const api = process.env.CLERESTORY_API ?? "http://localhost:8791";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    // The page's content policy allows files of this origin only: nothing may become a data: address
    // or an inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "react", test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ },
            { name: "router", test: /node_modules[\\/]@tanstack[\\/]/ },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": api, "/player": api } },
});
