/** A browser and its system, as far as its user agent says. Good for recognising one's own, for nothing else. */
export function browserWords(agent: string): string {
  const browser = /Edg\//.test(agent)
    ? "Edge"
    : /Firefox\//.test(agent)
      ? "Firefox"
      : /Chrom(e|ium)\//.test(agent)
        ? "Chrome"
        : /Safari\//.test(agent)
          ? "Safari"
          : null;
  const system = /iPhone|iPad/.test(agent)
    ? "iOS"
    : /Android/.test(agent)
      ? "Android"
      : /Mac OS X/.test(agent)
        ? "macOS"
        : /Windows/.test(agent)
          ? "Windows"
          : /Linux/.test(agent)
            ? "Linux"
            : null;
  if (browser === null && system === null)
    return agent.trim() === "" ? "An unnamed client" : agent.slice(0, 80);
  return [browser ?? "A browser", system].filter(Boolean).join(" on ");
}
