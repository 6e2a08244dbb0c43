export default function SiteSetUp() {
  return <h1>SiteSetUp</h1>;
}
