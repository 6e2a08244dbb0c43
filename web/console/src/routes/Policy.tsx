import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { getPolicy, getSite } from "../api/operations";
import { PolicyEditor } from "../components/policy/PolicyEditor";
import { Loading, Trouble } from "../components/States";
import { useTitle } from "../lib/useTitle";
import "../styles/policy.css";

const route = getRouteApi("/shell/settings/sites/$id/policy");

/** The capture policy of a site: the page on the left, what leaves the device on the right. */
export default function Policy() {
  useTitle("Capture policy");
  const { id } = route.useParams();
  const { page } = route.useSearch();
  const navigate = route.useNavigate();
  const site = useQuery({ queryKey: ["site", id], queryFn: ({ signal }) => getSite(id, signal) });
  const policy = useQuery({ queryKey: ["policy", id], queryFn: ({ signal }) => getPolicy(id, signal) });
  if (site.isPending || policy.isPending) return <Loading />;
  if (!site.data) return <Trouble error={site.error} what="This site" retry={() => void site.refetch()} />;
  if (!policy.data)
    return <Trouble error={policy.error} what="The policy" retry={() => void policy.refetch()} />;
  return (
    <PolicyEditor
      key={id}
      site={site.data}
      policy={policy.data}
      page={page ?? "/"}
      onPage={(next) => void navigate({ search: { page: next }, replace: true })}
    />
  );
}
