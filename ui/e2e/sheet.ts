// A contact sheet of a folder of pictures.

import { readdir } from "node:fs/promises";

/** NAME-THEME-LANGUAGE-WIDTH.png */
const FILE = /^(?<name>.+)-(?<theme>light|dark|contrast)-(?<lang>en|ko)-(?<width>\d+)\.png$/;

const style = `
  body { margin: 1.5rem; font: 14px/1.5 system-ui, sans-serif; background: #e9edef; color: #14212a; }
  nav { columns: 16rem; margin-block-end: 2rem; }
  section { margin-block-end: 2.5rem; }
  div { display: flex; gap: 1rem; overflow-x: auto; align-items: flex-start; padding-block: .5rem; }
  figure { margin: 0; flex: none; }
  img { display: block; height: 26rem; max-width: 48rem; object-fit: contain; object-position: top; background: #fff; box-shadow: 0 1px 6px #0003; }
`;

/** The page that shows every picture of a folder, by page and state. */
export async function sheet(folder: string): Promise<string> {
  const names = new Map<string, string[]>();
  for (const file of (await readdir(folder)).sort()) {
    const name = FILE.exec(file)?.groups?.name;
    if (name) {
      names.set(name, [...(names.get(name) ?? []), file]);
    }
  }
  const picture = (file: string): string => {
    const { theme, lang, width } = FILE.exec(file)?.groups ?? {};
    return `<figure><a href="${file}"><img loading="lazy" src="${file}" alt=""></a><figcaption>${theme} ${lang} ${width}</figcaption></figure>`;
  };
  const sections = [...names].map(
    ([name, files]) => `<section id="${name}"><h2>${name}</h2><div>${files.map(picture).join("")}</div></section>`,
  );
  const links = [...names.keys()].map((name) => `<a href="#${name}">${name}</a><br>`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Weir: every page and state</title><style>${style}</style><h1>${names.size} pages and states</h1><nav>${links.join("")}</nav>${sections.join("\n")}</html>`;
}
