import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vite";

const OUT = "../src/antispoof/service/static";
const SOURCES = ["index.html", "package-lock.json", "package.json", "package/src", "public", "src", "tsconfig.json", "vite.config.js"];
const SERVICE = "http://127.0.0.1:8080";

function filesOf(path) {
  try {
    return readdirSync(path).sort().flatMap((name) => filesOf(join(path, name)));
  } catch (error) {
    if (error.code === "ENOTDIR") return [path];
    throw error;
  }
}

/** Hash names and contents, so that a test can tell whether the built page belongs to these sources. */
function digest(paths, from) {
  const hash = createHash("sha256");
  for (const path of paths) {
    const content = readFileSync(path);
    hash.update(`${path.slice(from.length)}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

const stamp = {
  name: "stamp",
  closeBundle() {
    const built = filesOf(OUT).filter((path) => !path.endsWith("build.json"));
    const record = { sources: digest(SOURCES.flatMap(filesOf), ""), built: digest(built, OUT + "/") };
    writeFileSync(join(OUT, "build.json"), JSON.stringify(record, null, 2) + "\n");
  },
};

export default defineConfig({
  base: "./",
  plugins: [stamp],
  server: { proxy: { "/v1": { target: SERVICE, ws: true }, "/page": SERVICE } },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    rollupOptions: {
      output: { entryFileNames: "assets/page.js", chunkFileNames: "assets/[name].js", assetFileNames: "assets/[name][extname]" },
    },
  },
});
