using Lia.Weights;

namespace Lia.Evaluation;

/// <summary>Takes the weights of <see cref="Lpips"/> from checkpoints.</summary>
public static class LpipsWeights
{
    extension(Lpips)
    {
        /// <summary>Takes the weights from files, safetensors or PyTorch's.</summary>
        /// <param name="paths">One file with all tensors, or several that have them together, such as AlexNet's and the linear
        /// layers'.</param>
        /// <exception cref="WeightsException">A file cannot be read, a tensor is missing or has another shape than it must.</exception>
        public static Lpips Load(params IReadOnlyList<string> paths)
        {
            ArgumentNullException.ThrowIfNull(paths);
            List<ITensorSource> files = [];
            try
            {
                foreach (string path in paths) files.Add(Checkpoint.Open(path));
                return Lpips.From([.. files]);
            }
            finally
            {
                foreach (ITensorSource file in files) file.Dispose();
            }
        }

        /// <summary>Takes the weights from tensors.</summary>
        /// <param name="sources">Read during the call only; they have all tensors together, and the first that has a tensor is asked for
        /// it.</param>
        /// <exception cref="WeightsException">A tensor is missing or has another shape than it must.</exception>
        public static Lpips From(params IReadOnlyList<ITensorSource> sources)
        {
            ArgumentNullException.ThrowIfNull(sources);
            if (sources.Count == 0) throw new ArgumentException("No weights are named.", nameof(sources));
            return new Lpips(Read);

            float[] Read(string name, int[] shape)
            {
                ITensorSource source = sources.FirstOrDefault(source => source.Tensors.ContainsKey(name))
                    ?? throw new WeightsException(
                        $"{string.Join(", ", sources.Select(source => source.Name))}: there is no tensor '{name}'; "
                        + "LPIPS needs AlexNet's features.* and lin0.model.1.weight to lin4.model.1.weight.");
                IReadOnlyList<int> found = source.Tensors[name].Shape;
                int[] needed = [.. shape.Select((extent, axis) =>
                    extent > 0 ? extent : found is [> 0 and int width, ..] && axis == 0 ? width : 1)];
                if (!found.SequenceEqual(needed))
                    throw new WeightsException($"{source.Name}: tensor '{name}' has the shape [{string.Join(", ", found)}], LPIPS needs "
                        + $"[{string.Join(", ", needed)}].");
                return source.Read(name);
            }
        }
    }
}
