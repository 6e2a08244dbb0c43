import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** The server that the development server passes requests on to, as if they came from that one's own console. */
const target = process.env.CLERESTORY_API ?? "http://localhost:8700";
const api = { target, changeOrigin: true, headers: { origin: target } };

/**
 * The console speaks English and says so to React Aria (`I18nProvider` in main.tsx), so that the words of its
 * thirty other languages need not be sent to anybody.
 */
function englishOnly(): Plugin {
  const other =
    /[\\/](react-aria|react-stately|react-aria-components)[\\/].*[\\/]intl[\\/].*[\\/](?!en-US)[a-z]{2}-[A-Z]{2}\.mjs$/;
  return {
    name: "english-only",
    enforce: "pre",
    load: (id) => (other.test(id) ? "export default {};" : null),
  };
}

export default defineConfig({
  plugins: [react(), englishOnly()],
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
