import { useMutation } from "@tanstack/react-query";
import { endSupport, type SupportItem } from "../../api/support";
import { queryClient } from "../../queryClient";
import { explain } from "../States";

/** Shows somebody out. One press: what protects asks for nothing more. */
export function EndButton({ item }: { item: SupportItem }) {
  const end = useMutation({
    mutationFn: () => endSupport(item.id),
    onSettled: async () => {
      await queryClient.invalidateQueries({ queryKey: ["support"] });
      await queryClient.invalidateQueries({ queryKey: ["session"] });
    },
  });
  return (
    <>
      <button
        type="button"
        className="b s end"
        aria-label={`End it now: ${item.person.name}`}
        disabled={end.isPending}
        onClick={() => end.mutate()}
      >
        End it now
      </button>
      {end.error && <span role="alert">{explain(end.error).lines[0]}</span>}
    </>
  );
}
